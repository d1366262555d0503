package reconciler.rules.security.plain_secrets_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.plain_secrets as rule

test_deny_lambda if {
	count(rule.violations) == 1 with input as t.one("aws_lambda_function", {"environment": [{"variables": {"DB_PASSWORD": "correct-horse"}}]})
}

test_deny_container if {
	count(rule.violations) == 1 with input as t.one("aws_ecs_task_definition", {"container_definitions": `[{"name": "a", "environment": [{"name": "API_KEY", "value": "0123456789"}]}]`})
}

test_deny_build if {
	count(rule.violations) == 1 with input as t.one("aws_codebuild_project", {"environment": [{"environment_variable": [{"name": "TOKEN", "value": "0123456789"}]}]})
}

test_deny_user_data if {
	count(rule.violations) == 1 with input as t.one("aws_instance", {"user_data": "#!/bin/sh\nexport PASSWORD=correct-horse\n"})
}

test_deny_encoded_user_data if {
	count(rule.violations) == 1 with input as t.one("aws_launch_template", {"user_data_base64": base64.encode("token: correct-horse")})
}

test_deny_database_password if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"password": "correct-horse"})
}

test_allow_expression if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"password": t.unknown("random_password.main.result")}), t.resource("aws_lambda_function", {"environment": [{"variables": {"DB_PASSWORD": t.unknown("var.password")}}]})])
}

test_allow_reference if {
	count(rule.violations) == 0 with input as t.one("aws_lambda_function", {"environment": [{"variables": {"DB_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:a", "DB_SECRET": "arn:aws:ssm:eu-central-1:1:parameter/a", "TOKEN_TTL": "60"}}]})
}

test_allow_plain_user_data if {
	count(rule.violations) == 0 with input as t.one("aws_instance", {"user_data": "#!/bin/sh\nyum update\n"})
}

test_deny_names if {
	every one in [
		["DATABASE_PASSWORD", "kingfisher-7"],
		["DB_PASS", "kingfisher-7"],
		["DBPASS", "kingfisher-7"],
		["DBPASSWORD", "kingfisher-7"],
		["PASSWORD2", "kingfisher-7"],
		["DB_PASS2", "kingfisher-7"],
		["databasePassword", "kingfisher-7"],
		["dbPass", "kingfisher-7"],
		["DB-PASSWORD", "kingfisher-7"],
		["DB_PWD", "kingfisher-7"],
		["DB_PASSWORD_ID", "kingfisher-7"],
		["clientSecret", "kingfisher-7"],
		["authToken", "kingfisher-7"],
		["APIKey", "kingfisher-7"],
		["PASSWORD_POLICY", "kingfisher-7"],
		["PASSWORD", "12345678"],
	] {
		count(rule.violations) == 1 with input as t.one("aws_lambda_function", {"environment": [{"variables": {one[0]: one[1]}}]})
	}
}

test_deny_values_that_look_like_references if {
	every one in [
		["DB_PASSWORD", "arn:kingfisher-7"],
		["DB_PASSWORD", "arn:aws:kingfisher-7"],
		["DB_PASSWORD", "arn:aws:s3:::kingfisher-7"],
		["DB_PASSWORD", "${K}ingfisher-7"],
		["DB_PASSWORD", "${K}${L}"],
		["DB_PASSWORD", "$kingfisher-7"],
	] {
		count(rule.violations) == 1 with input as t.one("aws_lambda_function", {"environment": [{"variables": {one[0]: one[1]}}]})
	}
}

test_allow_references if {
	every one in [
		["DB_PASSWORD", "arn:aws:secretsmanager:eu-central-1:1:secret:a"],
		["DB_PASSWORD", "arn:aws-cn:ssm:cn-north-1:1:parameter/a"],
		["DB_PASSWORD", "arn:aws-us-gov:kms:us-gov-west-1:1:key/a"],
		["DB_PASSWORD", "${DB_PASSWORD}"],
		["DB_PASSWORD", ""],
	] {
		count(rule.violations) == 0 with input as t.one("aws_lambda_function", {"environment": [{"variables": {one[0]: one[1]}}]})
	}
}

test_allow_other_names if {
	every one in [
		["PASSWORD_FILE", "/run/a"],
		["PASSWORD_PATH", "/run/a"],
		["SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:1:secret:a"],
		["TOKEN_URL", "https://x"],
		["tokenUrl", "https://x"],
		["PASSWORD_POLICY", "true"],
		["PASSWORD_MIN_LENGTH", "12"],
		["TOKEN_TIMEOUT", "30s"],
		["BYPASS", "kingfisher-7"],
		["COMPASS", "north"],
		["PASS_RATE", "high"],
		["MAX_TOKENS", "4096"],
		["PWD", "/srv"],
		["PASSENGERS", "many"],
	] {
		count(rule.violations) == 0 with input as t.one("aws_lambda_function", {"environment": [{"variables": {one[0]: one[1]}}]})
	}
}
