package reconciler.rules.security.public_database_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.public_database as rule

test_deny_public if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"publicly_accessible": true})
}

test_deny_public_member if {
	count(rule.violations) == 1 with input as t.one("aws_rds_cluster_instance", {"publicly_accessible": "true"})
}

test_allow_private if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"publicly_accessible": false})
}

test_allow_absent if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"publicly_accessible": t.unknown("var.public")})
}
