# METADATA
# title: No administration or database port is open to the internet
# description: >-
#   Ports of remote shells and databases that take connections from anywhere are found and
#   tried within minutes. The profile's `rules.adminPorts` lists them.
# related_resources:
#   - ref: https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
# custom:
#   id: SEC011
#   severity: critical
#   category: security
#   fix: >-
#     Let in only the security groups or networks that need it; reach machines through
#     Session Manager.
#   unknown: >-
#     A network or a port that is not known is left alone.
package reconciler.rules.security.open_admin_ports

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

everywhere := {"0.0.0.0/0", "::/0"}

ports := lib.param("adminPorts", [22, 3389, 1433, 1521, 3306, 5432, 6379, 9200, 11211, 27017])

opened contains {"at": resource, "from": lib.get(rule, "from_port", -1), "to": lib.get(rule, "to_port", -1), "protocol": lib.get(rule, "protocol", "")} if {
	some resource in tf.resources("aws_security_group")
	some rule in lib.blocks(resource.values, "ingress")
	some field in ["cidr_blocks", "ipv6_cidr_blocks"]
	some network in lib.listed(rule[field])
	network in everywhere
}

opened contains {"at": resource, "from": object.get(resource.values, "from_port", -1), "to": object.get(resource.values, "to_port", -1), "protocol": object.get(resource.values, "protocol", "")} if {
	some resource in tf.resources("aws_security_group_rule")
	resource.values.type == "ingress"
	some field in ["cidr_blocks", "ipv6_cidr_blocks"]
	some network in lib.listed(resource.values[field])
	network in everywhere
}

opened contains {"at": resource, "from": object.get(resource.values, "from_port", -1), "to": object.get(resource.values, "to_port", -1), "protocol": object.get(resource.values, "ip_protocol", "")} if {
	some resource in tf.resources("aws_vpc_security_group_ingress_rule")
	some field in ["cidr_ipv4", "cidr_ipv6"]
	resource.values[field] in everywhere
}

all_protocols := {"-1", "all"}

reaches(one, _) if lower(sprintf("%v", [one.protocol])) in all_protocols

reaches(one, port) if {
	lib.number(one.from) <= port
	lib.number(one.to) >= port
}

violations contains lib.violation({"message": message, "at": one.at}) if {
	some one in opened
	open := [port | some port in ports; reaches(one, port)]
	count(open) > 0
	message := sprintf("open to the internet: %s", [concat(", ", [sprintf("%v", [port]) | some port in open])])
}
