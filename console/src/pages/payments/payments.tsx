export { NotBuilt as Payments } from "../../app/fallbacks.tsx";
