package reconciler.rules.cost.monthly_budget_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.cost.monthly_budget as rule

test_deny_beyond if {
	count(rule.violations) == 1 with input as t.environment({"monthly_cost": 1001})
}

test_allow_within if {
	count(rule.violations) == 0 with input as t.environment({"monthly_cost": 1000})
}

test_allow_without_a_budget if {
	count(rule.violations) == 0 with input as t.changed({"environment": {"monthly_cost": 5000}, "profile": {"quotas": {"monthlyBudget": {"perEnvironment": null}}}})
}
