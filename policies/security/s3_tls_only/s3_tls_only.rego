# METADATA
# title: Buckets refuse plain HTTP
# description: >-
#   S3 answers plain HTTP unless a bucket's policy denies it. Then a key or an object can be
#   read on the way.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
# custom:
#   id: SEC008
#   severity: medium
#   category: security
#   fix: >-
#     Give the bucket a policy that denies `s3:*` to everybody when `aws:SecureTransport` is
#     `false`.
#   unknown: >-
#     A policy that is not known counts when its expression says `aws:SecureTransport`; a
#     bucket without any policy does not.
package reconciler.rules.security.s3_tls_only

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

denying := [resource |
	some resource in tf.resources("aws_s3_bucket_policy")
	denies(resource.values.policy)
]

denies(policy) if {
	some statement in tf.statements(policy)
	statement.Effect == "Deny"
	contains(json.marshal(statement.Condition), "aws:SecureTransport")
}

denies(policy) if contains(lib.text(lib.expression(policy)), "aws:SecureTransport")

safe := tf.named_by(denying, "bucket")

violations contains lib.violation({"message": "nothing denies plain HTTP", "at": resource}) if {
	some resource in tf.resources("aws_s3_bucket")
	not denies(object.get(resource.values, "policy", ""))
	count(tf.names(resource) & safe) == 0
}
