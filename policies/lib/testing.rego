# METADATA
# title: Inputs for tests
# description: A small, complete input, and ways to change parts of it.
package reconciler.lib.testing

base := {
	"environment": {
		"name": "shop",
		"owner": "team-web",
		"track": "customer",
		"stage": "production",
		"region": "eu-central-1",
		"account": "222222222222",
		"labels": {},
		"parameters": {"size": "small"},
		"blueprint": {"name": "web-service", "version": "1.0.0"},
		"ttl_hours": null,
		"monthly_cost": 400,
		"promoted_from": "shop-staging",
	},
	"profile": {
		"allowed": {
			"regions": ["eu-central-1", "eu-west-1"],
			"blueprints": ["web-service"],
			"stages": ["dev", "staging", "production"],
			"sizes": ["small", "medium"],
			"instanceFamilies": ["t4g", "m7g"],
		},
		"quotas": {"monthlyBudget": {"perEnvironment": 1000, "perTeam": null}},
		"ttl": null,
		"isolation": "dedicated-vpc",
		"promotionRequired": true,
		"rules": {
			"requiredTags": ["environment", "owner"],
			"customerKeys": true,
			"adminPorts": [22, 5432],
			"backupDays": 7,
			"logDays": 30,
			"multiAz": true,
			"protectedStages": ["staging", "production"],
			"pinnedImageStages": ["production"],
			"providers": [{"source": "hashicorp/aws", "version": "6.25.0"}],
			"modules": ["./modules/*"],
			"dataSources": ["aws_caller_identity"],
			"provisioners": [],
			"fileFunctions": ["templatefile"],
		},
	},
	"terraform": {
		"resources": [],
		"data": [],
		"providers": [],
		"modules": [],
		"provisioners": [],
		"functions": [],
		"imports": [],
	},
	"plan": null,
	"pipeline": {"path": ".gitlab-ci.yml", "jobs": {}, "raw": {}},
	"change": null,
	"now": "2026-11-21T09:00:00Z",
}

# The input with these fields in place of its own; maps are merged.
changed(fields) := object.union(base, fields)

environment(fields) := changed({"environment": fields})

profile(fields) := changed({"profile": fields})

rules(fields) := profile({"rules": fields})

terraform(fields) := changed({"terraform": fields})

with_resources(found) := terraform({"resources": found})

jobs(found) := changed({"pipeline": {"jobs": found}})

raw(found) := changed({"pipeline": {"raw": found}})

# A resource called `main`.
resource(kind, values) := named(kind, "main", values)

named(kind, name, values) := {
	"type": kind,
	"name": name,
	"address": sprintf("%s.%s", [kind, name]),
	"path": "main.tf",
	"line": 3,
	"values": values,
}

one(kind, values) := with_resources([resource(kind, values)])

unknown(text) := {"__unknown__": text}
