export { NotBuilt as Operations } from "../../app/fallbacks.tsx";
