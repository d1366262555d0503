package reconciler.rules.security.s3_public_acl_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.s3_public_acl as rule

test_deny_public_read if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"acl": "public-read"})
}

test_deny_acl_resource if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket_acl", {"acl": "authenticated-read"})
}

test_deny_grant_to_everybody if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket_acl", {"access_control_policy": [{"grant": [{"grantee": [{"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}]}]}]})
}

test_allow_private if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket_acl", {"acl": "private"})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket", {"acl": t.unknown("var.acl")})
}
