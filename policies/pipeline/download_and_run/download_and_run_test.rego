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

test_deny_pipe_of_any_form if {
	every line in [
		"curl \"https://x/?a=1&b=2\" | bash",
		"wget -qO- \"https://x/?a=1&b=2;c\" | sh",
		"curl https://x |\nbash",
		"curl https://x | # then\n  bash",
		"curl https://x | tee a | bash",
		"wget -O- https://x | gunzip | tee a | zsh",
		"curl https://x |& bash",
		"curl https://x 2>&1 | bash",
		"curl https://x | /usr/local/bin/bash",
		"curl https://x | exec bash",
		"curl https://x | timeout 9 bash",
		"curl https://x | timeout -k 5 9s bash",
		"curl https://x | sudo -E bash -",
		"curl https://x | sudo -u deploy bash",
		"curl https://x | env -i A=1 dash",
		"curl https://x | A=1 ksh",
		"curl https://x | bash -s -- --yes",
		"curl https://x | bash -ex",
		"curl https://x | (bash)",
		"curl https://x | \"bash\"",
		"curl https://x | tee >(bash)",
		"curl https://x | python -",
		"curl https://x | perl",
		"curl https://x | ruby",
		"curl https://x | node -",
		"curl https://x | source /dev/stdin",
		"ssh host \"curl https://x\" | bash",
		"curl https://x | sh -c \"$(cat)\"",
		"curl https://x | python3 -c \"import sys; exec(sys.stdin.read())\"",
	] {
		count(rule.violations) == 1 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_deny_substitution_of_any_form if {
	every line in [
		"bash <<< \"$(curl https://x)\"",
		"python3 -c \"$(curl https://x)\"",
		"python3 -c \"$(wget -qO- https://x)\"",
		"perl -e \"$(curl https://x)\"",
		"ruby -e \"$(curl https://x)\"",
		"node -e \"$(curl https://x)\"",
		"bash <(curl https://x)",
		"zsh <(wget -qO- https://x)",
		"bash < <(curl https://x)",
		"ksh -c \"$(/usr/bin/curl https://x)\"",
		"dash -c \"`curl https://x`\"",
		"eval \"$(curl https://x)\"",
		"source <(curl https://x)",
		". <(wget -qO- https://x)",
	] {
		count(rule.violations) == 1 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_deny_saved_and_run if {
	every line in [
		"curl -o a https://x && bash a",
		"curl -fsSLo a https://x; sh ./a",
		"curl https://x > a && bash a",
		"curl --output=a https://x && python3 a",
		"wget -O a https://x && chmod +x a && ./a",
		"wget https://x/install.sh && sudo bash install.sh",
		"curl -O https://x/i.sh && . ./i.sh",
		"curl -o /tmp/a \"https://x/?a=1&b=2\" && /tmp/a",
	] {
		count(rule.violations) == 1 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_allow_near_misses if {
	every line in [
		"curl -fsS https://x/health",
		"curl https://x -o a.tgz && tar xf a.tgz",
		"curl https://x | jq .",
		"bash scripts/deploy.sh",
		"curl -f x; bash scripts/next.sh",
		"curl -f https://x || bash scripts/rollback.sh",
		"curl -f https://x && bash scripts/next.sh",
		"curl -s https://x | python3 -m json.tool",
		"curl -s https://x | python3 -c \"import json, sys; print(json.load(sys.stdin))\"",
		"curl -s https://x | bash scripts/read.sh",
		"curl -s https://x | grep bash",
		"curl -s https://x | sudo tee /etc/bash",
		"bash deploy.sh \"$(curl -s https://x/version)\"",
		"curl -o a.json https://x && python3 scripts/read.py a.json",
		"curl -o a https://x && sha256sum -c a.sha256 && bash a",
		"version=$(curl -s https://x) && bash scripts/deploy.sh",
	] {
		count(rule.violations) == 0 with input as t.jobs({"build": {"script": [line]}})
	}
}

test_deny_and_quote_no_secret if {
	every line in [
		"curl -H \"X-Key: kingfisher-7\" https://x | bash",
		"curl -sSLH \"X-Key: kingfisher-7\" https://x | bash",
		"curl --header \"X-Key: kingfisher-7\" https://x | bash",
		"curl --user me:kingfisher-7 https://x | bash",
		"curl https://me:kingfisher-7@x | bash",
		"curl \"https://x/?k=kingfisher-7\" | bash",
		"DB_PASSWORD=kingfisher-7 curl https://x | bash",
		"curl https://x/TOKEN/kingfisher-7 | bash",
	] {
		messages := [one.message | some one in rule.violations] with input as t.jobs({"build": {"script": [line]}})
		count(messages) == 1
		not contains(messages[0], "kingfisher")
	}
}

test_deny_and_quote_little if {
	messages := [one.message | some one in rule.violations] with input as t.jobs({"build": {"script": ["curl https://example.com/a/very/long/address/of/an/install/script.sh | bash"]}})
	messages == ["runs what it downloads: curl https://example.com/a/very/long/address/of/an/instal..."]
}
