package reconciler.rules.security.kms_rotation_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.kms_rotation as rule

test_deny_absent if {
	count(rule.violations) == 1 with input as t.one("aws_kms_key", {})
}

test_deny_off if {
	count(rule.violations) == 1 with input as t.one("aws_kms_key", {"enable_key_rotation": false})
}

test_allow_on if {
	count(rule.violations) == 0 with input as t.one("aws_kms_key", {"enable_key_rotation": true})
}

test_allow_signing_key if {
	count(rule.violations) == 0 with input as t.one("aws_kms_key", {"customer_master_key_spec": "RSA_2048", "key_usage": "SIGN_VERIFY"})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_kms_key", {"enable_key_rotation": t.unknown("var.rotate")})
}
