# METADATA
# title: Every bucket blocks public access
# description: >-
#   The public access block stops any access list or bucket policy, of today or of next
#   year, from opening a bucket to everybody.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
# custom:
#   id: SEC002
#   severity: high
#   category: security
#   fix: >-
#     Add an `aws_s3_bucket_public_access_block` for the bucket with all four settings
#     `true`.
#   unknown: >-
#     The rule needs certainty: a setting that is not known does not count as `true`. A
#     block whose `bucket` is an expression belongs to the bucket that the expression names.
package reconciler.rules.security.s3_public_access_block

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

settings := ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]

whole := [resource |
	some resource in tf.resources("aws_s3_bucket_public_access_block")
	every setting in settings { lib.on(resource.values, setting) }
]

blocked := tf.named_by(whole, "bucket")

violations contains lib.violation({"message": "nothing blocks public access for good", "at": resource}) if {
	some resource in tf.resources("aws_s3_bucket")
	count(tf.names(resource) & blocked) == 0
}
