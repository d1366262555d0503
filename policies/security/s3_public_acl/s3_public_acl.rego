# METADATA
# title: No bucket is public by its access list
# description: >-
#   A canned access list such as `public-read` gives a bucket's objects to everybody. Most
#   leaks of data from S3 began so.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
# custom:
#   id: SEC001
#   severity: critical
#   category: security
#   fix: >-
#     Take the `acl` away, and give access by a bucket policy to those who need it.
#   unknown: >-
#     An access list that is not known is left alone; the public access block (SEC002)
#     covers it.
package reconciler.rules.security.s3_public_acl

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

public := {"public-read", "public-read-write", "authenticated-read", "website"}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_s3_bucket", "aws_s3_bucket_acl"])
	resource.values.acl in public
	message := sprintf("the access list is `%s`", [resource.values.acl])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources("aws_s3_bucket_acl")
	some policy in lib.blocks(resource.values, "access_control_policy")
	some grant in lib.blocks(policy, "grant")
	some grantee in lib.blocks(grant, "grantee")
	regex.match(`/(AllUsers|AuthenticatedUsers)$`, lib.text(grantee.uri))
	message := "a grant gives access to everybody"
}
