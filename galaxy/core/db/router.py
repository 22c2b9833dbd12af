"""Which connection does what: the application reads and writes as ``default``, only ``owner`` changes tables."""


class OwnerMigrates:
    def allow_migrate(self, db, app_label, **hints):
        return db == "owner"

    def allow_relation(self, one, other, **hints):
        return True
