package reconciler.rules.pipeline.eval_of_variables_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.eval_of_variables as rule

test_deny_eval if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": ["eval \"$DEPLOY_COMMAND\""]}})
}

test_deny_shell if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": ["sh -c $RUN_ME"]}})
}

test_deny_title_in_shell if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": ["bash -c \"echo ${CI_MERGE_REQUEST_TITLE}\""]}})
}

test_allow_quoted_data if {
	count(rule.violations) == 0 with input as t.jobs({"build": {"script": ["echo \"$CI_COMMIT_MESSAGE\"", "test \"$code\" = 0"]}})
}

test_allow_constant_shell if {
	count(rule.violations) == 0 with input as t.jobs({"build": {"script": ["sh -c 'make check'", "evaluate $X"]}})
}
