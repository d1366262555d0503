package reconciler.rules.compliance.allowed_provisioners_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.allowed_provisioners as rule

test_deny_local_exec if {
	count(rule.violations) == 1 with input as t.terraform({"provisioners": [{"type": "local-exec", "address": "null_resource.a", "path": "main.tf", "line": 1}]})
}

test_allow_none if {
	count(rule.violations) == 0 with input as t.base
}

test_allow_listed if {
	count(rule.violations) == 0 with input as object.union(t.terraform({"provisioners": [{"type": "file", "address": "a.a", "path": "main.tf", "line": 1}]}), {"profile": {"rules": {"provisioners": ["file"]}}})
}
