# METADATA
# title: Instances hand out credentials by tokens only
# description: >-
#   Version 1 of the metadata service gives an instance's credentials to any request that a
#   web application can be talked into.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
# custom:
#   id: SEC015
#   severity: high
#   category: security
#   fix: >-
#     Add `metadata_options` with `http_tokens = "required"`.
#   unknown: >-
#     Tokens that are not known are left alone.
package reconciler.rules.security.instance_metadata

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

violations contains lib.violation({"message": "the metadata service answers without a token", "at": resource}) if {
	some resource in tf.resources_of(["aws_instance", "aws_launch_template", "aws_launch_configuration"])
	not lib.more_blocks(resource.values, "metadata_options")
	count([options |
		some options in lib.blocks(resource.values, "metadata_options")
		safe(options)
	]) == 0
}

safe(options) if lib.get(options, "http_tokens", "optional") == "required"

safe(options) if lib.unknown(options.http_tokens)

safe(options) if options.http_endpoint == "disabled"
