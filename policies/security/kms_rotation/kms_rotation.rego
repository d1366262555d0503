# METADATA
# title: Keys are rotated
# description: >-
#   A key that is never changed protects ever more data, and one leak opens all of it.
# related_resources:
#   - ref: https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
# custom:
#   id: SEC013
#   severity: medium
#   category: security
#   fix: >-
#     Set `enable_key_rotation` to `true`.
#   unknown: >-
#     A value that is not known is left alone. Asymmetric and HMAC keys cannot be rotated by
#     AWS and are not asked for it.
package reconciler.rules.security.kms_rotation

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

symmetric(resource) if object.get(resource.values, "customer_master_key_spec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"

violations contains lib.violation({"message": "`enable_key_rotation` is not `true`", "at": resource}) if {
	some resource in tf.resources("aws_kms_key")
	symmetric(resource)
	object.get(resource.values, "key_usage", "ENCRYPT_DECRYPT") == "ENCRYPT_DECRYPT"
	lib.off(resource.values, "enable_key_rotation")
}
