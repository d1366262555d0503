package reconciler.rules.security.https_listeners_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.https_listeners as rule

test_deny_http if {
	count(rule.violations) == 1 with input as t.one("aws_lb_listener", {"port": 80, "protocol": "HTTP", "default_action": [{"type": "forward"}]})
}

test_deny_no_protocol if {
	count(rule.violations) == 1 with input as t.one("aws_lb_listener", {"port": "80"})
}

test_deny_distribution if {
	count(rule.violations) == 1 with input as t.one("aws_cloudfront_distribution", {"default_cache_behavior": [{"viewer_protocol_policy": "allow-all"}]})
}

test_allow_https if {
	count(rule.violations) == 0 with input as t.one("aws_lb_listener", {"port": 443, "protocol": "HTTPS"})
}

test_allow_redirect if {
	count(rule.violations) == 0 with input as t.one("aws_lb_listener", {"port": 80, "protocol": "HTTP", "default_action": [{"type": "redirect", "redirect": [{"protocol": "HTTPS", "port": "443"}]}]})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_lb_listener", {"protocol": t.unknown("var.protocol")})
}
