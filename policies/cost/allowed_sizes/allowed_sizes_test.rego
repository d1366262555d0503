package reconciler.rules.cost.allowed_sizes_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.cost.allowed_sizes as rule

test_deny_large if {
	count(rule.violations) == 1 with input as t.environment({"parameters": {"size": "large"}})
}

test_allow_small if {
	count(rule.violations) == 0 with input as t.environment({"parameters": {"size": "small"}})
}

test_allow_no_size if {
	count(rule.violations) == 0 with input as json.patch(t.base, [{"op": "remove", "path": "/environment/parameters/size"}])
}
