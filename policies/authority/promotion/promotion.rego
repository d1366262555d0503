# METADATA
# title: Production follows a staging environment where the profile asks for it
# description: >-
#   What reaches production has been seen at work before. The profile's `promotionRequired`
#   says whether a track asks for that.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/environments/
# custom:
#   id: AUTH001
#   severity: high
#   category: authority
#   fix: >-
#     Name the staging environment in `promotedFrom`; `reconciler new` shows how.
package reconciler.rules.authority.promotion

import data.reconciler.lib

violations contains lib.violation({"message": "production is promoted from no other environment"}) if {
	object.get(input.profile, "promotionRequired", true)
	input.environment.stage == "production"
	object.get(input.environment, "promoted_from", null) in {null, ""}
}
