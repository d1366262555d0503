# METADATA
# title: No database has a public address
# description: >-
#   A database with a public address can be reached from the internet as soon as one
#   security group is wrong.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html
# custom:
#   id: SEC012
#   severity: critical
#   category: security
#   fix: >-
#     Set `publicly_accessible` to `false` and reach the database from inside the network.
#   unknown: >-
#     A value that is not known is left alone.
package reconciler.rules.security.public_database

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

kinds := ["aws_db_instance", "aws_rds_cluster_instance", "aws_redshift_cluster", "aws_dms_replication_instance", "aws_docdb_cluster_instance", "aws_neptune_cluster_instance"]

violations contains lib.violation({"message": "`publicly_accessible` is `true`", "at": resource}) if {
	some resource in tf.resources_of(kinds)
	lib.on(resource.values, "publicly_accessible")
}
