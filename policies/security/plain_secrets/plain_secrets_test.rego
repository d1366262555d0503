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
	count(rule.violations) == 7 with input as t.with_resources([t.named("aws_lambda_function", "f0", {"environment": [{"variables": {"DATABASE_PASSWORD": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f1", {"environment": [{"variables": {"DB_PASS": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f2", {"environment": [{"variables": {"DBPASS": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f3", {"environment": [{"variables": {"DBPASSWORD": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f4", {"environment": [{"variables": {"PASSWORD2": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f5", {"environment": [{"variables": {"DB_PASS2": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f6", {"environment": [{"variables": {"databasePassword": "kingfisher-7"}}]})])
}

test_deny_names_2 if {
	count(rule.violations) == 7 with input as t.with_resources([t.named("aws_lambda_function", "f7", {"environment": [{"variables": {"dbPass": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f8", {"environment": [{"variables": {"DB-PASSWORD": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f9", {"environment": [{"variables": {"DB_PWD": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f10", {"environment": [{"variables": {"DB_PASSWORD_ID": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f11", {"environment": [{"variables": {"clientSecret": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f12", {"environment": [{"variables": {"authToken": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f13", {"environment": [{"variables": {"APIKey": "kingfisher-7"}}]})])
}

test_deny_names_3 if {
	count(rule.violations) == 2 with input as t.with_resources([t.named("aws_lambda_function", "f14", {"environment": [{"variables": {"PASSWORD_POLICY": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f15", {"environment": [{"variables": {"PASSWORD": "12345678"}}]})])
}

test_deny_values_that_look_like_references if {
	count(rule.violations) == 6 with input as t.with_resources([t.named("aws_lambda_function", "f0", {"environment": [{"variables": {"DB_PASSWORD": "arn:kingfisher-7"}}]}), t.named("aws_lambda_function", "f1", {"environment": [{"variables": {"DB_PASSWORD": "arn:aws:kingfisher-7"}}]}), t.named("aws_lambda_function", "f2", {"environment": [{"variables": {"DB_PASSWORD": "arn:aws:s3:::kingfisher-7"}}]}), t.named("aws_lambda_function", "f3", {"environment": [{"variables": {"DB_PASSWORD": "${K}ingfisher-7"}}]}), t.named("aws_lambda_function", "f4", {"environment": [{"variables": {"DB_PASSWORD": "${K}${L}"}}]}), t.named("aws_lambda_function", "f5", {"environment": [{"variables": {"DB_PASSWORD": "$kingfisher-7"}}]})])
}

test_allow_references if {
	count(rule.violations) == 0 with input as t.with_resources([t.named("aws_lambda_function", "f0", {"environment": [{"variables": {"DB_PASSWORD": "arn:aws:secretsmanager:eu-central-1:1:secret:a"}}]}), t.named("aws_lambda_function", "f1", {"environment": [{"variables": {"DB_PASSWORD": "arn:aws-cn:ssm:cn-north-1:1:parameter/a"}}]}), t.named("aws_lambda_function", "f2", {"environment": [{"variables": {"DB_PASSWORD": "arn:aws-us-gov:kms:us-gov-west-1:1:key/a"}}]}), t.named("aws_lambda_function", "f3", {"environment": [{"variables": {"DB_PASSWORD": "${DB_PASSWORD}"}}]}), t.named("aws_lambda_function", "f4", {"environment": [{"variables": {"DB_PASSWORD": ""}}]})])
}

test_allow_other_names if {
	count(rule.violations) == 0 with input as t.with_resources([t.named("aws_lambda_function", "f0", {"environment": [{"variables": {"PASSWORD_FILE": "/run/a"}}]}), t.named("aws_lambda_function", "f1", {"environment": [{"variables": {"PASSWORD_PATH": "/run/a"}}]}), t.named("aws_lambda_function", "f2", {"environment": [{"variables": {"SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:a"}}]}), t.named("aws_lambda_function", "f3", {"environment": [{"variables": {"TOKEN_URL": "https://x"}}]}), t.named("aws_lambda_function", "f4", {"environment": [{"variables": {"tokenUrl": "https://x"}}]}), t.named("aws_lambda_function", "f5", {"environment": [{"variables": {"PASSWORD_POLICY": "true"}}]}), t.named("aws_lambda_function", "f6", {"environment": [{"variables": {"PASSWORD_MIN_LENGTH": "12"}}]})])
}

test_allow_other_names_2 if {
	count(rule.violations) == 0 with input as t.with_resources([t.named("aws_lambda_function", "f7", {"environment": [{"variables": {"TOKEN_TIMEOUT": "30s"}}]}), t.named("aws_lambda_function", "f8", {"environment": [{"variables": {"BYPASS": "kingfisher-7"}}]}), t.named("aws_lambda_function", "f9", {"environment": [{"variables": {"COMPASS": "north"}}]}), t.named("aws_lambda_function", "f10", {"environment": [{"variables": {"PASS_RATE": "high"}}]}), t.named("aws_lambda_function", "f11", {"environment": [{"variables": {"MAX_TOKENS": "4096"}}]}), t.named("aws_lambda_function", "f12", {"environment": [{"variables": {"PWD": "/srv"}}]}), t.named("aws_lambda_function", "f13", {"environment": [{"variables": {"PASSENGERS": "many"}}]})])
}
