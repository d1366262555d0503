# METADATA
# title: Data is encrypted with our own keys where the profile asks for it
# description: >-
#   With a key of one's own, who may decrypt is written in a key policy, every use is
#   logged, and access can be ended at once. The profile's `rules.customerKeys` says whether
#   a track asks for it.
# related_resources:
#   - ref: https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
# custom:
#   id: SEC005
#   severity: medium
#   category: security
#   fix: >-
#     Name an `aws_kms_key` of this environment in the field that the message names.
#   unknown: >-
#     A key that is not known before a plan counts: an expression is how a key is named.
package reconciler.rules.security.customer_keys

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

fields := {
	"aws_db_instance": "kms_key_id",
	"aws_rds_cluster": "kms_key_id",
	"aws_docdb_cluster": "kms_key_id",
	"aws_ebs_volume": "kms_key_id",
	"aws_efs_file_system": "kms_key_id",
	"aws_elasticache_replication_group": "kms_key_id",
	"aws_cloudwatch_log_group": "kms_key_id",
	"aws_secretsmanager_secret": "kms_key_id",
	"aws_sqs_queue": "kms_master_key_id",
	"aws_sns_topic": "kms_master_key_id",
}

violations contains lib.violation({"message": message, "at": resource}) if {
	lib.param("customerKeys", true)
	some kind, field in fields
	some resource in tf.resources(kind)
	not lib.given(resource.values, field)
	not lib.given(resource.values, "replicate_source_db")
	message := sprintf("`%s` is absent", [field])
}

violations contains lib.violation({"message": "no `server_side_encryption` with `kms_key_arn`", "at": resource}) if {
	lib.param("customerKeys", true)
	some resource in tf.resources("aws_dynamodb_table")
	not lib.more_blocks(resource.values, "server_side_encryption")
	count([block |
		some block in lib.blocks(resource.values, "server_side_encryption")
		lib.given(block, "kms_key_arn")
	]) == 0
}
