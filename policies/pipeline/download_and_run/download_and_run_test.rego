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
	count(rule.violations) == 13 with input as t.jobs({"j0": {"script": ["curl \"https://x/?a=1&b=2\" | bash"]}, "j1": {"script": ["wget -qO- \"https://x/?a=1&b=2;c\" | sh"]}, "j2": {"script": ["curl https://x |\nbash"]}, "j3": {"script": ["curl https://x | # then\n  bash"]}, "j4": {"script": ["curl https://x | tee a | bash"]}, "j5": {"script": ["wget -O- https://x | gunzip | tee a | zsh"]}, "j6": {"script": ["curl https://x |& bash"]}, "j7": {"script": ["curl https://x 2>&1 | bash"]}, "j8": {"script": ["curl https://x | /usr/local/bin/bash"]}, "j9": {"script": ["curl https://x | exec bash"]}, "j10": {"script": ["curl https://x | timeout 9 bash"]}, "j11": {"script": ["curl https://x | timeout -k 5 9s bash"]}, "j12": {"script": ["curl https://x | sudo -E bash -"]}})
}

test_deny_pipe_of_any_form_2 if {
	count(rule.violations) == 14 with input as t.jobs({"j13": {"script": ["curl https://x | sudo -u deploy bash"]}, "j14": {"script": ["curl https://x | env -i A=1 dash"]}, "j15": {"script": ["curl https://x | A=1 ksh"]}, "j16": {"script": ["curl https://x | bash -s -- --yes"]}, "j17": {"script": ["curl https://x | bash -ex"]}, "j18": {"script": ["curl https://x | (bash)"]}, "j19": {"script": ["curl https://x | \"bash\""]}, "j20": {"script": ["curl https://x | tee >(bash)"]}, "j21": {"script": ["curl https://x | python -"]}, "j22": {"script": ["curl https://x | perl"]}, "j23": {"script": ["curl https://x | ruby"]}, "j24": {"script": ["curl https://x | node -"]}, "j25": {"script": ["curl https://x | source /dev/stdin"]}, "j26": {"script": ["ssh host \"curl https://x\" | bash"]}})
}

test_deny_pipe_of_any_form_3 if {
	count(rule.violations) == 2 with input as t.jobs({"j27": {"script": ["curl https://x | sh -c \"$(cat)\""]}, "j28": {"script": ["curl https://x | python3 -c \"import sys; exec(sys.stdin.read())\""]}})
}

test_deny_substitution_of_any_form if {
	count(rule.violations) == 14 with input as t.jobs({"j0": {"script": ["bash <<< \"$(curl https://x)\""]}, "j1": {"script": ["python3 -c \"$(curl https://x)\""]}, "j2": {"script": ["python3 -c \"$(wget -qO- https://x)\""]}, "j3": {"script": ["perl -e \"$(curl https://x)\""]}, "j4": {"script": ["ruby -e \"$(curl https://x)\""]}, "j5": {"script": ["node -e \"$(curl https://x)\""]}, "j6": {"script": ["bash <(curl https://x)"]}, "j7": {"script": ["zsh <(wget -qO- https://x)"]}, "j8": {"script": ["bash < <(curl https://x)"]}, "j9": {"script": ["ksh -c \"$(/usr/bin/curl https://x)\""]}, "j10": {"script": ["dash -c \"`curl https://x`\""]}, "j11": {"script": ["eval \"$(curl https://x)\""]}, "j12": {"script": ["source <(curl https://x)"]}, "j13": {"script": [". <(wget -qO- https://x)"]}})
}

test_deny_saved_and_run if {
	count(rule.violations) == 8 with input as t.jobs({"j0": {"script": ["curl -o a https://x && bash a"]}, "j1": {"script": ["curl -fsSLo a https://x; sh ./a"]}, "j2": {"script": ["curl https://x > a && bash a"]}, "j3": {"script": ["curl --output=a https://x && python3 a"]}, "j4": {"script": ["wget -O a https://x && chmod +x a && ./a"]}, "j5": {"script": ["wget https://x/install.sh && sudo bash install.sh"]}, "j6": {"script": ["curl -O https://x/i.sh && . ./i.sh"]}, "j7": {"script": ["curl -o /tmp/a \"https://x/?a=1&b=2\" && /tmp/a"]}})
}

test_allow_near_misses if {
	count(rule.violations) == 0 with input as t.jobs({"j0": {"script": ["curl -fsS https://x/health"]}, "j1": {"script": ["curl https://x -o a.tgz && tar xf a.tgz"]}, "j2": {"script": ["curl https://x | jq ."]}, "j3": {"script": ["bash scripts/deploy.sh"]}, "j4": {"script": ["curl -f x; bash scripts/next.sh"]}, "j5": {"script": ["curl -f https://x || bash scripts/rollback.sh"]}, "j6": {"script": ["curl -f https://x && bash scripts/next.sh"]}, "j7": {"script": ["curl -s https://x | python3 -m json.tool"]}, "j8": {"script": ["curl -s https://x | python3 -c \"import json, sys; print(json.load(sys.stdin))\""]}, "j9": {"script": ["curl -s https://x | bash scripts/read.sh"]}, "j10": {"script": ["curl -s https://x | grep bash"]}, "j11": {"script": ["curl -s https://x | sudo tee /etc/bash"]}})
}

test_allow_near_misses_2 if {
	count(rule.violations) == 0 with input as t.jobs({"j12": {"script": ["bash deploy.sh \"$(curl -s https://x/version)\""]}, "j13": {"script": ["curl -o a.json https://x && python3 scripts/read.py a.json"]}, "j14": {"script": ["curl -o a https://x && sha256sum -c a.sha256 && bash a"]}, "j15": {"script": ["version=$(curl -s https://x) && bash scripts/deploy.sh"]}})
}

test_deny_and_quote_no_secret if {
	found := rule.violations with input as t.jobs({"j0": {"script": ["curl -H \"X-Key: kingfisher-7\" https://x | bash"]}, "j1": {"script": ["curl -sSLH \"X-Key: kingfisher-7\" https://x | bash"]}, "j2": {"script": ["curl --header \"X-Key: kingfisher-7\" https://x | bash"]}, "j3": {"script": ["curl --user me:kingfisher-7 https://x | bash"]}, "j4": {"script": ["curl https://me:example@x | bash"]}, "j5": {"script": ["curl \"https://x/?k=kingfisher-7\" | bash"]}, "j6": {"script": ["DB_PASSWORD=kingfisher-7 curl https://x | bash"]}, "j7": {"script": ["curl https://x/TOKEN/kingfisher-7 | bash"]}})
	count(found) == 8
	every one in found {
		not contains(one.message, "kingfisher")
	}
}

test_deny_and_quote_little if {
	messages := [one.message | some one in rule.violations] with input as t.jobs({"build": {"script": ["curl https://example.com/a/very/long/address/of/an/install/script.sh | bash"]}})
	messages == ["runs what it downloads: curl https://example.com/a/very/long/address/of/an/instal..."]
}
