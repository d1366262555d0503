package reconciler.rules.security.tls_versions_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.tls_versions as rule

test_deny_no_policy if {
	count(rule.violations) == 1 with input as t.one("aws_lb_listener", {"protocol": "HTTPS"})
}

test_deny_old_policy if {
	count(rule.violations) == 1 with input as t.one("aws_lb_listener", {"protocol": "TLS", "ssl_policy": "ELBSecurityPolicy-2016-08"})
}

test_deny_old_api if {
	count(rule.violations) == 1 with input as t.one("aws_apigatewayv2_domain_name", {"domain_name_configuration": [{"security_policy": "TLS_1_0"}]})
}

test_deny_old_distribution if {
	count(rule.violations) == 1 with input as t.one("aws_cloudfront_distribution", {"viewer_certificate": [{"minimum_protocol_version": "TLSv1.1_2016"}]})
}

test_allow_tls13 if {
	count(rule.violations) == 0 with input as t.one("aws_lb_listener", {"protocol": "HTTPS", "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06"})
}

test_allow_plain if {
	count(rule.violations) == 0 with input as t.one("aws_lb_listener", {"protocol": "HTTP"})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_lb_listener", {"protocol": "HTTPS", "ssl_policy": t.unknown("var.policy")})
}
