package reconciler.rules.compliance.file_arguments_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.file_arguments as rule

test_deny_object_from_any_file if {
	count(rule.violations) == 1 with input as t.one("aws_s3_object", {"bucket": "b", "key": "k", "source": "/proc/self/environ"})
}

test_deny_the_old_object if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket_object", {"source": "/proc/self/environ"})
}

test_deny_code_from_any_file if {
	count(rule.violations) == 4 with input as t.with_resources([t.named("aws_lambda_function", "a", {"filename": "/root/.aws/credentials"}), t.named("aws_lambda_layer_version", "b", {"filename": "/root/.aws/credentials"}), t.named("aws_synthetics_canary", "c", {"zip_file": "/root/.aws/credentials"}), t.named("aws_gamelift_script", "d", {"zip_file": "/root/.aws/credentials"})])
}

test_deny_path_without_the_module if {
	count(rule.violations) == 1 with input as t.one("aws_s3_object", {"source": "files/a.txt"})
}

test_deny_path_that_leads_out if {
	count(rule.violations) == 3 with input as t.with_resources([t.named("aws_s3_object", "a", {"source": t.unknown("\"${path.module}/../run.json\"")}), t.named("aws_s3_object", "b", {"source": t.unknown("\"${path.module}/a/../../run.json\"")}), t.named("aws_s3_object", "c", {"source": t.unknown("\"${path.module}.evil/a\"")})])
}

test_deny_what_terraform_keeps_beside_the_source if {
	count(rule.violations) == 1 with input as t.one("aws_s3_object", {"source": t.unknown("\"${path.module}/.terraform/terraform.tfstate\"")})
}

test_deny_path_that_is_not_known if {
	count(rule.violations) == 3 with input as t.with_resources([t.named("aws_s3_object", "a", {"source": t.unknown("each.value")}), t.named("aws_s3_object", "b", {"source": t.unknown("\"${path.module}/${var.up}/a\"")}), t.named("aws_s3_object", "c", {"source": t.unknown("\"${path.root}/a\"")})])
}

test_deny_provider_that_reads_files if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1, "values": {"shared_credentials_files": ["/root/.aws/credentials"]}}]})
}

test_deny_provider_that_sends_a_token if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1, "values": {"assume_role_with_web_identity": [{"web_identity_token_file": "/proc/self/environ"}]}}]})
}

test_allow_files_of_the_blueprint if {
	count(rule.violations) == 0 with input as t.with_resources([t.named("aws_s3_object", "a", {"source": t.unknown("\"${path.module}/files/a-1.2.txt\"")}), t.named("aws_lambda_function", "b", {"filename": t.unknown("\"${path.module}/api.zip\"")})])
}

test_allow_none if {
	count(rule.violations) == 0 with input as t.with_resources([t.named("aws_s3_object", "a", {"content": "a", "source": null}), t.named("aws_lambda_function", "b", {"s3_bucket": "b", "s3_key": "k"})])
}

test_allow_a_source_that_is_no_file if {
	count(rule.violations) == 0 with input as t.one("aws_codebuild_project", {"source": [{"type": "GITHUB"}]})
}

test_allow_plain_provider if {
	count(rule.violations) == 0 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1, "values": {"region": "eu-central-1", "assume_role": [{"role_arn": "arn:aws:iam::1:role/a"}]}}]})
}
