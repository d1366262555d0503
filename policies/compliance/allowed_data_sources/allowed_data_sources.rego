# METADATA
# title: Only data sources of the allow-list
# description: >-
#   Data sources run at plan time, before any approval. `external` runs a program, `http`
#   asks any server, `aws_secretsmanager_secret_version` brings a secret into the state.
# related_resources:
#   - ref: https://developer.hashicorp.com/terraform/language/data-sources
# custom:
#   id: COMP006
#   severity: critical
#   category: compliance
#   fix: >-
#     Take a data source of the profile's `rules.dataSources`, or give the value as a
#     parameter.
package reconciler.rules.compliance.allowed_data_sources

import data.reconciler.lib

patterns := lib.param("dataSources", [])

allowed(kind) if {
	some pattern in patterns
	glob.match(pattern, [], kind)
}

violations contains lib.violation({"message": message, "at": source}) if {
	some source in input.terraform.data
	not allowed(source.type)
	message := sprintf("the data source `%s` is not in the allow-list", [source.type])
}
