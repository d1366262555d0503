package reconciler.rules.compliance.file_functions_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.file_functions as rule

test_deny_file if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "file", "own": false, "path": "main.tf", "line": 4}]})
}

test_deny_own_file_by_a_function_that_is_not_listed if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "filebase64", "own": true, "path": "main.tf", "line": 4}]})
}

test_deny_listed_function_of_any_file if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "templatefile", "own": false, "path": "main.tf", "line": 4}]})
}

test_deny_home if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "pathexpand", "own": false, "path": "main.tf", "line": 4}]})
}

test_deny_templates_that_are_put_together if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "templatestring", "own": false, "path": "main.tf", "line": 4}]})
}

test_deny_functions_to_come if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "filesha3", "own": false, "path": "main.tf", "line": 4}]})
}

test_allow_listed_function_of_own_file if {
	count(rule.violations) == 0 with input as t.terraform({"functions": [{"name": "templatefile", "own": true, "path": "main.tf", "line": 4}]})
}

test_allow_others if {
	count(rule.violations) == 0 with input as t.terraform({"functions": [{"name": "jsonencode", "own": false, "path": "main.tf", "line": 4}]})
}
