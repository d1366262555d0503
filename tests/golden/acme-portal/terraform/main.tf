# The provider is pinned to one exact version: the same source must give the
# same plan on a laptop, in CI and in the controller.
terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0"
    }
  }
}

# allowed_account_ids makes Terraform stop at once when the credentials belong
# to another account. default_tags puts the standard tags on every resource, so
# that cost reports and the search for unmanaged resources miss nothing.
provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = ["333333333333"]

  default_tags {
    tags = {
      "blueprint"         = "web-service"
      "blueprint-version" = "1.0.0"
      "cost-centre"       = "cc-2000"
      "customer"          = "acme"
      "data-class"        = "confidential"
      "environment"       = "acme-portal"
      "managed-by"        = "reconciler"
      "owner"             = "team-web"
      "stage"             = "production"
      "track"             = "customer"
    }
  }
}

# Everything that comes from Git enters here; the rest of the source is the same
# for every environment of this blueprint.
locals {
  name      = "acme-portal"
  stage     = "production"
  region    = "eu-central-1"
  account   = "333333333333"
  protected = true
  critical  = true

  # Load balancers and target groups allow 32 characters. A long name is cut and
  # gets a few digits of its hash, so that two long names never meet.
  short_name   = length(local.name) <= 24 ? local.name : "${trimsuffix(substr(local.name, 0, 17), "-")}-${substr(sha256(local.name), 0, 6)}"
  partition    = startswith(local.region, "cn-") ? "aws-cn" : startswith(local.region, "us-gov-") ? "aws-us-gov" : "aws"
  account_root = "arn:${local.partition}:iam::${local.account}:root"
}

locals {
  size               = "medium"
  log_retention_days = 365
  container_port     = 8080
  container_protocol = "HTTP"
  health_check_path  = "/healthz"
  domain_name        = "portal.acme.example.com"
  certificate_arn    = "arn:aws:acm:eu-central-1:333333333333:certificate/9091c665-0000-4000-8000-000000000000"

  database_secret_arn = aws_db_instance.main.master_user_secret[0].secret_arn
  data_key_arn        = aws_kms_key.main.arn
}

# One customer-managed key for logs, alarms and other data of this environment.
# The first statement is AWS's standard one: it lets IAM policies of this account
# grant use of the key, and keeps the key manageable. "*" in a key policy means
# this key only.
resource "aws_kms_key" "main" {
  description             = "Encrypts the data of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = local.protected ? 30 : 7

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountAdministration"
        Effect    = "Allow"
        Principal = { AWS = local.account_root }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "EncryptLogGroups"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*"
          }
        }
      },
      {
        Sid       = "PublishAlarms"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
    ]
  })
}

resource "aws_kms_alias" "main" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.main.key_id
}
