package reconciler.rules.cost.instance_families_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.cost.instance_families as rule

test_deny_machine if {
	count(rule.violations) == 1 with input as t.one("aws_instance", {"instance_type": "p5.48xlarge"})
}

test_deny_database if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"instance_class": "db.r5.large"})
}

test_allow_family if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"instance_class": "db.t4g.medium"}), t.resource("aws_elasticache_cluster", {"node_type": "cache.m7g.large"})])
}

test_allow_any_for_an_empty_list if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_instance", {"instance_type": "p5.48xlarge"}), {"profile": {"allowed": {"instanceFamilies": []}}})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_instance", {"instance_type": t.unknown("var.type")})
}
