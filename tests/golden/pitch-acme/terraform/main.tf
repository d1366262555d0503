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
  allowed_account_ids = ["111111111111"]

  default_tags {
    tags = {
      "blueprint"         = "serverless-demo"
      "blueprint-version" = "1.0.0"
      "cost-centre"       = "cc-3000"
      "data-class"        = "public"
      "environment"       = "pitch-acme"
      "expires-after"     = "72h"
      "managed-by"        = "reconciler"
      "owner"             = "team-sales"
      "stage"             = "dev"
      "track"             = "demo"
    }
  }
}

# Everything that comes from Git enters here; the rest of the source is the same
# for every environment of this blueprint.
locals {
  name      = "pitch-acme"
  stage     = "dev"
  region    = "eu-central-1"
  account   = "111111111111"
  protected = false
  critical  = false

  # Load balancers and target groups allow 32 characters. A long name is cut and
  # gets a few digits of its hash, so that two long names never meet.
  short_name   = length(local.name) <= 24 ? local.name : "${trimsuffix(substr(local.name, 0, 17), "-")}-${substr(sha256(local.name), 0, 6)}"
  partition    = startswith(local.region, "cn-") ? "aws-cn" : startswith(local.region, "us-gov-") ? "aws-us-gov" : "aws"
  account_root = "arn:${local.partition}:iam::${local.account}:root"
}

locals {
  size               = "small"
  log_retention_days = 14

  # Limits double as a cost brake: a runaway client is throttled, not paid for.
  limits = {
    small  = { memory_mb = 256, concurrency = 5, request_units = 25 }
    medium = { memory_mb = 512, concurrency = 20, request_units = 100 }
    large  = { memory_mb = 1024, concurrency = 50, request_units = 400 }
  }[local.size]
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

# Alarms of this environment go to one encrypted topic. Only AWS's own alarm
# services may publish to it, and only for this account.
resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  kms_master_key_id = aws_kms_key.main.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "PublishAlarms"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
    ]
  })
}
