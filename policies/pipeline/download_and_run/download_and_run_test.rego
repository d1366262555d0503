package reconciler.rules.pipeline.download_and_run_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.download_and_run as rule

test_deny_curl_to_shell if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": ["curl -sSL https://get.example.com | sudo bash"]}})
}

test_deny_wget_to_python if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": "wget -qO- https://example.com/x.py | python3 -"}})
}

test_deny_in_lists_in_lists if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": [[["curl https://example.com/i.sh | sh"]]]}})
}

test_deny_in_a_hook if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"hooks": {"pre_get_sources_script": ["curl https://example.com/i.sh | sh"]}}})
}

test_deny_substitution if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": ["bash -c \"$(curl -fsSL https://example.com/install.sh)\""]}})
}

test_deny_over_two_lines if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"before_script": ["curl https://example.com/install \\\n  | sh"]}})
}

test_deny_in_default if {
	count(rule.violations) == 1 with input as t.raw({"default": {"before_script": ["curl https://example.com | sh"]}})
}

test_deny_in_nested_list if {
	count(rule.violations) == 1 with input as t.jobs({"build": {"script": [["curl https://example.com | sh"]]}})
}

test_allow_download if {
	count(rule.violations) == 0 with input as t.jobs({"build": {"script": ["curl -fsSLo tool https://example.com/tool", "sha256sum -c tool.sha256"]}})
}

test_allow_pipe_to_filter if {
	count(rule.violations) == 0 with input as t.jobs({"build": {"script": ["curl -s https://example.com/x.json | jq .name", "cat a | sh-lint"]}})
}
