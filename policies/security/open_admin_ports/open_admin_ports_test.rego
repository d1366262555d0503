package reconciler.rules.security.open_admin_ports_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.open_admin_ports as rule

test_deny_ssh if {
	count(rule.violations) == 1 with input as t.one("aws_security_group", {"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]})
}

test_deny_range if {
	count(rule.violations) == 1 with input as t.one("aws_security_group_rule", {"type": "ingress", "from_port": 0, "to_port": 65535, "protocol": "tcp", "ipv6_cidr_blocks": ["::/0"]})
}

test_deny_all_protocols if {
	count(rule.violations) == 1 with input as t.one("aws_vpc_security_group_ingress_rule", {"cidr_ipv4": "0.0.0.0/0", "ip_protocol": "-1"})
}

test_deny_database_port_as_text if {
	count(rule.violations) == 1 with input as t.one("aws_vpc_security_group_ingress_rule", {"cidr_ipv6": "::/0", "ip_protocol": "tcp", "from_port": "5432", "to_port": "5432"})
}

test_allow_https if {
	count(rule.violations) == 0 with input as t.one("aws_security_group", {"ingress": [{"from_port": 443, "to_port": 443, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]})
}

test_allow_inside if {
	count(rule.violations) == 0 with input as t.one("aws_security_group", {"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]}]})
}

test_allow_egress if {
	count(rule.violations) == 0 with input as t.one("aws_security_group_rule", {"type": "egress", "from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": ["0.0.0.0/0"]})
}

test_allow_port_of_another_profile if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_security_group", {"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]}), {"profile": {"rules": {"adminPorts": [5432]}}})
}

test_allow_unknown_network if {
	count(rule.violations) == 0 with input as t.one("aws_security_group", {"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": t.unknown("var.networks")}]})
}
