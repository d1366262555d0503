# METADATA
# title: No resource policy opens a resource to everybody
# description: >-
#   A statement that allows `Principal: *` without a condition gives a bucket, a queue, a
#   topic or a key to every AWS account in the world.
# related_resources:
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
# custom:
#   id: SEC003
#   severity: critical
#   category: security
#   fix: >-
#     Name the accounts, roles or services that need access; where it must be `*`, add a
#     condition such as `aws:SourceArn`.
#   unknown: >-
#     Statements of a policy that is not known cannot be read and are left alone; a policy
#     document of the same source is followed.
package reconciler.rules.security.public_policy

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

kinds := ["aws_s3_bucket", "aws_s3_bucket_policy", "aws_sqs_queue", "aws_sqs_queue_policy", "aws_sns_topic_policy", "aws_kms_key", "aws_secretsmanager_secret_policy", "aws_ecr_repository_policy", "aws_efs_file_system_policy"]

violations contains lib.violation({"message": "a statement allows everybody, under no condition", "at": resource}) if {
	some resource in tf.resources_of(kinds)
	some statement in tf.statements(resource.values.policy)
	lib.get(statement, "Effect", "") == "Allow"
	tf.anybody(statement)
	tf.unconditional(statement)
}
