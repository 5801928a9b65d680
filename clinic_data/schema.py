"""All tables of the clinic in one metadata; whoever needs every table imports it from here."""

from __future__ import annotations

from sqlalchemy import MetaData

from clinic_data import access_tables as access_tables  # each module adds its tables to the metadata
from clinic_data import account_tables as account_tables
from clinic_data import audit_tables as audit_tables
from clinic_data import encryption_tables as encryption_tables
from clinic_data import privacy_tables as privacy_tables
from clinic_data import retraining_tables as retraining_tables
from clinic_data import visit_tables as visit_tables
from clinic_data.tables import ClinicTable

METADATA: MetaData = ClinicTable.metadata
