/** The script of the workers of a program in one file. */
import "@ringport/ringport/worker";
