export { connectDatabase, databaseCheck, whenDatabaseIsThere } from './connect';
export { databaseAway, rowRefused, violatedConstraint } from './database-errors';
export { listPage } from './list-page';
export { migrate, migrationsPending, undoLastMigration, type Migrations } from './migrate';
export { databaseOptions, type DatabaseSettings } from './options';
export { inDatabase, inTransaction, type Isolation } from './transaction';
export { Together } from './together';
export { refuseTaken } from './refuse-taken';
export { refuseUnwritten } from './refuse-unwritten';
