export { NotBuilt as Overview } from "../../app/fallbacks.tsx";
