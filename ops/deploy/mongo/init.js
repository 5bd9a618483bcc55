// Makes the replica set and its two users, once. Run from localhost of mongo-1 (docker-compose.yml); safe to repeat.
// mongo-1 is to lead whenever it can: it is asked here, also when all have been down, and only a primary can answer.
const members = ["mongo-1", "mongo-2", "mongo-3"].map((host, _id) => ({
  _id,
  host: `${host}:27017`,
  priority: host === "mongo-1" ? 2 : 1,
}));
const admin = db.getSiblingDB("admin");

try {
  rs.initiate({ _id: "rentmatch", members });
} catch (error) {
  // Another run was here before: by now it takes a password to ask.
  if (!["AlreadyInitialized", "Unauthorized"].includes(error.codeName)) throw error;
}
try {
  while (!db.hello().isWritablePrimary) sleep(500);
  admin.createUser({ user: "admin", pwd: process.env.ADMIN_PASSWORD, roles: ["root"] });
} catch (error) {
  if (!["Unauthorized", "Location51003"].includes(error.codeName)) throw error;
}
admin.auth("admin", process.env.ADMIN_PASSWORD);
const own = db.getSiblingDB("rentmatch");
if (own.getUser("rentmatch") === null) {
  // Of its own database alone: it makes indexes, and renames collections when the read model is rebuilt.
  own.createUser({ user: "rentmatch", pwd: process.env.PASSWORD, roles: [{ role: "dbOwner", db: "rentmatch" }] });
}
