# METADATA
# title: What holds data cannot be deleted by one command
# description: >-
#   A plan that replaces a database looks much like one that changes it. With protection on,
#   two changes and two approvals stand between a mistake and the data. The profile's
#   `rules.protectedStages` says where.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html
# custom:
#   id: OPS002
#   severity: high
#   category: operational
#   fix: >-
#     Set `deletion_protection` (`deletion_protection_enabled` for tables) to `true`; take
#     `force_destroy` and `skip_final_snapshot` away.
#   unknown: >-
#     A switch that is not known is left alone.
package reconciler.rules.operational.deletion_protection

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

switches := {
	"aws_db_instance": "deletion_protection",
	"aws_rds_cluster": "deletion_protection",
	"aws_docdb_cluster": "deletion_protection",
	"aws_neptune_cluster": "deletion_protection",
	"aws_dynamodb_table": "deletion_protection_enabled",
}

careful if lib.stage_in("protectedStages", ["dev", "staging", "production"])

violations contains lib.violation({"message": message, "at": resource}) if {
	careful
	some kind, switch in switches
	some resource in tf.resources(kind)
	lib.off(resource.values, switch)
	message := sprintf("`%s` is not `true`", [switch])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	careful
	some kind, switch in {"aws_s3_bucket": "force_destroy", "aws_ecr_repository": "force_delete", "aws_db_instance": "skip_final_snapshot", "aws_rds_cluster": "skip_final_snapshot"}
	some resource in tf.resources(kind)
	lib.on(resource.values, switch)
	message := sprintf("`%s` is `true`", [switch])
}
