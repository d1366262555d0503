# METADATA
# title: Resources carry the tags that the profile asks for
# description: >-
#   Cost reports, the search for forgotten resources and the audit go by tags. The profile's
#   `rules.requiredTags` lists them. The provider's `default_tags` count for all its
#   resources.
# related_resources:
#   - ref: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
# custom:
#   id: COMP001
#   severity: medium
#   category: compliance
#   fix: >-
#     Put the tags into `default_tags` of the provider, or into `tags` of the resource.
#   unknown: >-
#     Tags that are not known are left alone.
package reconciler.rules.compliance.required_tags

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

wanted := {tag | some tag in lib.param("requiredTags", ["environment", "owner", "stage", "track", "cost-centre", "managed-by"])}

# Types whose `tags` are tags, by a set that stays short: what costs money or holds data.
tagged := [
	"aws_s3_bucket", "aws_db_instance", "aws_rds_cluster", "aws_dynamodb_table", "aws_instance", "aws_lambda_function",
	"aws_ecs_cluster", "aws_ecs_service", "aws_lb", "aws_kms_key", "aws_efs_file_system", "aws_ebs_volume", "aws_sqs_queue",
	"aws_sns_topic", "aws_vpc", "aws_nat_gateway", "aws_elasticache_replication_group", "aws_secretsmanager_secret",
]

# What every provider of AWS gives; only tags that all of them give count.
defaults := {tag |
	some tag in wanted
	count(sources) > 0
	every provider in sources { gives(provider, tag) }
}

sources := [provider |
	some provider in input.terraform.providers
	provider.name == "aws"
	object.get(provider, "values", null) != null
]

gives(provider, _) if lib.more_blocks(provider.values, "default_tags")

gives(provider, tag) if {
	some block in lib.blocks(provider.values, "default_tags")
	has(object_of(lib.get(block, "tags", {})), tag)
}

has(tags, _) if lib.unknown(tags)

has(tags, tag) if lib.get(tags, tag, null) != null

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(tagged)
	tags := object.get(resource.values, "tags", {})
	missing := [tag | some tag in wanted - defaults; not has(object_of(tags), tag)]
	count(missing) > 0
	message := sprintf("tags are missing: %s", [concat(", ", sort(missing))])
}

object_of(value) := value if is_object(value)

object_of(value) := {} if not is_object(value)
