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
	count(rule.violations) == 10 with input as t.jobs({"j0": {"script": ["echo \"$CI_COMMIT_MESSAGE\" | bash"]}, "j1": {"script": ["echo \"a; $CI_COMMIT_MESSAGE\" | bash"]}, "j2": {"script": ["printf %s \"${CI_COMMIT_DESCRIPTION}\" | tee a | sudo sh -"]}, "j3": {"script": ["echo $CI_COMMIT_AUTHOR |\nbash -s"]}, "j4": {"script": ["bash <<< \"$CI_COMMIT_MESSAGE\""]}, "j5": {"script": ["sh -s <<< $CI_COMMIT_REF_NAME"]}, "j6": {"script": ["python3 <<< \"$CI_MERGE_REQUEST_DESCRIPTION\""]}, "j7": {"script": ["source <(echo \"$CI_COMMIT_MESSAGE\")"]}, "j8": {"script": [". <(echo \"$CI_COMMIT_BRANCH\")"]}, "j9": {"script": ["bash <(echo \"$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME\")"]}})
}

test_deny_as_program if {
	count(rule.violations) == 7 with input as t.jobs({"j0": {"script": ["bash -c \"$CI_COMMIT_TITLE\""]}, "j1": {"script": ["bash -c \"echo $CI_COMMIT_TITLE\""]}, "j2": {"script": ["ksh -c \"$CI_COMMIT_TITLE\""]}, "j3": {"script": ["python3 -c \"print('$CI_COMMIT_TITLE')\""]}, "j4": {"script": ["node -e \"$CI_COMMIT_TITLE\""]}, "j5": {"script": ["echo \"$CI_COMMIT_MESSAGE\" | xargs sh -c"]}, "j6": {"script": ["echo \"$CI_COMMIT_MESSAGE\" | xargs -I{} bash -c \"echo {}\""]}})
}

test_allow_near_misses if {
	count(rule.violations) == 0 with input as t.jobs({"j0": {"script": ["echo \"$CI_COMMIT_TITLE\" | grep -q fix"]}, "j1": {"script": ["echo \"$CI_COMMIT_TITLE\" | bash scripts/title.sh"]}, "j2": {"script": ["echo \"$CI_COMMIT_TITLE\" | python3 scripts/title.py"]}, "j3": {"script": ["python3 scripts/title.py <<< \"$CI_COMMIT_TITLE\""]}, "j4": {"script": ["grep fix <<< \"$CI_COMMIT_MESSAGE\""]}, "j5": {"script": ["diff <(echo \"$CI_COMMIT_MESSAGE\") a"]}, "j6": {"script": ["echo \"$CI_COMMIT_SHA\" | bash"]}, "j7": {"script": ["bash -c \"echo $CI_COMMIT_REF_SLUG\""]}, "j8": {"script": ["bash scripts/deploy.sh \"$CI_COMMIT_BRANCH\""]}, "j9": {"script": ["echo \"$CI_COMMIT_MESSAGE\" | xargs echo"]}, "j10": {"script": ["echo \"$CI_COMMIT_BRANCH\"; cat a | bash"]}, "j11": {"script": ["test \"$CI_COMMIT_BRANCH\" = main && bash scripts/deploy.sh"]}})
}
