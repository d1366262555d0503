package reconciler.rules.operational.multi_az_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.operational.multi_az as rule

test_deny_database if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {})
}

test_deny_cache if {
	count(rule.violations) == 1 with input as t.one("aws_elasticache_replication_group", {"multi_az_enabled": true, "automatic_failover_enabled": false})
}

test_deny_one_subnet if {
	count(rule.violations) == 1 with input as t.one("aws_lb", {"subnets": ["subnet-1"]})
}

test_allow_several_zones if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"multi_az": true}), t.resource("aws_lb", {"subnets": ["subnet-1", "subnet-2"]})])
}

test_allow_where_not_asked_for if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_db_instance", {}), {"profile": {"rules": {"multiAz": false}}})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"multi_az": t.unknown("local.critical")}), t.resource("aws_lb", {"subnets": t.unknown("aws_subnet.public[*].id")})])
}
