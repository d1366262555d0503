package reconciler.rules.authority.promotion_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.authority.promotion as rule

test_deny_production_alone if {
	count(rule.violations) == 1 with input as t.environment({"promoted_from": null})
}

test_allow_promoted if {
	count(rule.violations) == 0 with input as t.base
}

test_allow_dev if {
	count(rule.violations) == 0 with input as t.environment({"promoted_from": null, "stage": "dev"})
}

test_allow_where_not_asked_for if {
	count(rule.violations) == 0 with input as t.changed({"environment": {"promoted_from": null}, "profile": {"promotionRequired": false}})
}
