# METADATA
# title: Load balancers speak TLS, or lead to it
# description: >-
#   What travels over plain HTTP can be read and changed on the way.
# related_resources:
#   - ref: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html
# custom:
#   id: SEC006
#   severity: high
#   category: security
#   fix: >-
#     Make the listener's `protocol` HTTPS (TLS on a network load balancer), or let it
#     redirect to HTTPS.
#   unknown: >-
#     A protocol that is not known is left alone.
package reconciler.rules.security.https_listeners

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

plain := {"HTTP", "TCP_PLAIN"}

violations contains lib.violation({"message": "the listener takes plain HTTP", "at": resource}) if {
	some resource in tf.resources_of(["aws_lb_listener", "aws_alb_listener"])
	protocol(resource) in plain
	not redirects(resource)
}

protocol(resource) := upper(resource.values.protocol) if is_string(resource.values.protocol)

# An application load balancer without a protocol takes what its port says.
protocol(resource) := "HTTP" if {
	not lib.given(resource.values, "protocol")
	lib.number(resource.values.port) == 80
}

redirects(resource) if {
	some action in lib.blocks(resource.values, "default_action")
	action.type == "redirect"
	some target in lib.blocks(action, "redirect")
	target.protocol == "HTTPS"
}

violations contains lib.violation({"message": "the API takes plain HTTP", "at": resource}) if {
	some resource in tf.resources("aws_cloudfront_distribution")
	some name in ["default_cache_behavior", "ordered_cache_behavior"]
	some behavior in lib.blocks(resource.values, name)
	behavior.viewer_protocol_policy == "allow-all"
}
