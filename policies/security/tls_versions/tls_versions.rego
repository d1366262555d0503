# METADATA
# title: TLS 1.2 is the least
# description: >-
#   TLS 1.0 and 1.1 are broken. AWS still offers them where no policy is named.
# related_resources:
#   - ref: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
# custom:
#   id: SEC007
#   severity: high
#   category: security
#   fix: >-
#     Name a policy that begins at TLS 1.2, such as `ELBSecurityPolicy-TLS13-1-2-2021-06`.
#   unknown: >-
#     A policy that is not known is left alone.
package reconciler.rules.security.tls_versions

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

modern := `^ELBSecurityPolicy-(TLS13-1-[23]-|TLS-1-2-|FS-1-2-)`

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_lb_listener", "aws_alb_listener"])
	upper(lib.text(resource.values.protocol)) in {"HTTPS", "TLS"}
	policy := object.get(resource.values, "ssl_policy", null)
	old(policy)
	message := sprintf("`ssl_policy` is `%v`", [policy])
}

old(policy) if policy == null

old(policy) if {
	is_string(policy)
	not regex.match(modern, policy)
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_api_gateway_domain_name", "aws_apigatewayv2_domain_name"])
	some holder in array.concat([resource.values], lib.blocks(resource.values, "domain_name_configuration"))
	holder.security_policy == "TLS_1_0"
	message := "`security_policy` is `TLS_1_0`"
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources("aws_cloudfront_distribution")
	some certificate in lib.blocks(resource.values, "viewer_certificate")
	version := lib.get(certificate, "minimum_protocol_version", "TLSv1")
	is_string(version)
	not startswith(version, "TLSv1.2_")
	not startswith(version, "TLSv1.3_")
	message := sprintf("`minimum_protocol_version` is `%s`", [version])
}
