# METADATA
# title: Names begin with the environment's
# description: >-
#   Whoever finds a resource in the console, in a bill or in a log must see which
#   environment it belongs to.
# related_resources:
#   - ref: https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html
# custom:
#   id: COMP002
#   severity: low
#   category: compliance
#   fix: >-
#     Begin the name with the environment's name.
#   unknown: >-
#     A name that is not known is left alone.
package reconciler.rules.compliance.resource_names

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

named := {
	"aws_s3_bucket": "bucket",
	"aws_db_instance": "identifier",
	"aws_rds_cluster": "cluster_identifier",
	"aws_dynamodb_table": "name",
	"aws_lambda_function": "function_name",
	"aws_ecs_cluster": "name",
	"aws_lb": "name",
	"aws_sqs_queue": "name",
	"aws_sns_topic": "name",
	"aws_iam_role": "name",
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some kind, field in named
	some resource in tf.resources(kind)
	name := resource.values[field]
	is_string(name)
	not begins(name)
	message := sprintf("`%s` does not begin with `%s`", [name, input.environment.name])
}

begins(name) if name == input.environment.name

begins(name) if startswith(name, sprintf("%s-", [input.environment.name]))

# An alias of a name that was cut for the sake of a limit: 17 characters and a hash.
begins(name) if {
	count(input.environment.name) > 24
	startswith(name, trim_suffix(substring(input.environment.name, 0, 17), "-"))
}
