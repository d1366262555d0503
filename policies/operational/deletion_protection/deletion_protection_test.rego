package reconciler.rules.operational.deletion_protection_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.operational.deletion_protection as rule

test_deny_database if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"deletion_protection": false})
}

test_deny_table if {
	count(rule.violations) == 1 with input as t.one("aws_dynamodb_table", {})
}

test_deny_bucket if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"force_destroy": true})
}

test_deny_no_final_snapshot if {
	count(rule.violations) == 1 with input as t.one("aws_rds_cluster", {"deletion_protection": true, "skip_final_snapshot": true})
}

test_allow_protected if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"deletion_protection": true, "skip_final_snapshot": false})
}

test_allow_dev if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_db_instance", {}), {"environment": {"stage": "dev"}})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket", {"force_destroy": t.unknown("!local.protected")})
}
