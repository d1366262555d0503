package reconciler.rules.security.database_tls_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.database_tls as rule

test_deny_switched_off if {
	count(rule.violations) == 1 with input as t.one("aws_db_parameter_group", {"family": "postgres16", "parameter": [{"name": "rds.force_ssl", "value": "0"}]})
}

test_deny_old_default if {
	count(rule.violations) == 1 with input as t.one("aws_db_parameter_group", {"family": "postgres14"})
}

test_deny_mysql if {
	count(rule.violations) == 1 with input as t.one("aws_rds_cluster_parameter_group", {"family": "aurora-mysql8.0", "parameter": [{"name": "other", "value": "1"}]})
}

test_allow_forced if {
	count(rule.violations) == 0 with input as t.one("aws_rds_cluster_parameter_group", {"family": "aurora-postgresql14", "parameter": [{"name": "rds.force_ssl", "value": 1}]})
}

test_allow_new_default if {
	count(rule.violations) == 0 with input as t.one("aws_db_parameter_group", {"family": "postgres16"})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_db_parameter_group", {"family": "postgres14", "parameter": [{"name": "rds.force_ssl", "value": t.unknown("var.tls")}]})
}
