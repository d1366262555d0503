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

test_deny_as_input if {
	every line in [
		"echo \"$CI_COMMIT_MESSAGE\" | bash",
		"echo \"a; $CI_COMMIT_MESSAGE\" | bash",
		"printf %s \"${CI_COMMIT_DESCRIPTION}\" | tee a | sudo sh -",
		"echo $CI_COMMIT_AUTHOR |\nbash -s",
		"bash <<< \"$CI_COMMIT_MESSAGE\"",
		"sh -s <<< $CI_COMMIT_REF_NAME",
		"python3 <<< \"$CI_MERGE_REQUEST_DESCRIPTION\"",
		"source <(echo \"$CI_COMMIT_MESSAGE\")",
		". <(echo \"$CI_COMMIT_BRANCH\")",
		"bash <(echo \"$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME\")",
	] {
		count(rule.violations) == 1 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_deny_as_program if {
	every line in [
		"bash -c \"$CI_COMMIT_TITLE\"",
		"bash -c \"echo $CI_COMMIT_TITLE\"",
		"ksh -c \"$CI_COMMIT_TITLE\"",
		"python3 -c \"print('$CI_COMMIT_TITLE')\"",
		"node -e \"$CI_COMMIT_TITLE\"",
		"echo \"$CI_COMMIT_MESSAGE\" | xargs sh -c",
		"echo \"$CI_COMMIT_MESSAGE\" | xargs -I{} bash -c \"echo {}\"",
	] {
		count(rule.violations) == 1 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_allow_near_misses if {
	every line in [
		"echo \"$CI_COMMIT_TITLE\" | grep -q fix",
		"echo \"$CI_COMMIT_TITLE\" | bash scripts/title.sh",
		"echo \"$CI_COMMIT_TITLE\" | python3 scripts/title.py",
		"python3 scripts/title.py <<< \"$CI_COMMIT_TITLE\"",
		"grep fix <<< \"$CI_COMMIT_MESSAGE\"",
		"diff <(echo \"$CI_COMMIT_MESSAGE\") a",
		"echo \"$CI_COMMIT_SHA\" | bash",
		"bash -c \"echo $CI_COMMIT_REF_SLUG\"",
		"bash scripts/deploy.sh \"$CI_COMMIT_BRANCH\"",
		"echo \"$CI_COMMIT_MESSAGE\" | xargs echo",
		"echo \"$CI_COMMIT_BRANCH\"; cat a | bash",
		"test \"$CI_COMMIT_BRANCH\" = main && bash scripts/deploy.sh",
	] {
		count(rule.violations) == 0 with input as t.jobs({"build": {"script": [line]}})
	}
}
