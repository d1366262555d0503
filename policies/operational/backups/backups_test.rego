package reconciler.rules.operational.backups_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.operational.backups as rule

test_deny_short if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"backup_retention_period": 3})
}

test_deny_absent if {
	count(rule.violations) == 1 with input as t.one("aws_rds_cluster", {})
}

test_deny_table if {
	count(rule.violations) == 1 with input as t.one("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": false}]})
}

test_deny_files if {
	count(rule.violations) == 1 with input as t.one("aws_efs_backup_policy", {"backup_policy": [{"status": "DISABLED"}]})
}

test_allow_long if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"backup_retention_period": 7}), t.resource("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": true}]})])
}

test_allow_where_not_asked_for if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_db_instance", {"backup_retention_period": 0}), {"profile": {"rules": {"backupDays": 0}}})
}

test_allow_replica if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"replicate_source_db": "a"})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"backup_retention_period": t.unknown("local.days")})
}
