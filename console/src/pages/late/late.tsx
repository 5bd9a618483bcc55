export { NotBuilt as Late } from "../../app/fallbacks.tsx";
