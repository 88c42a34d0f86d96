/** An application that speaks HTTP and answers with the file whose path is the query. */
import { http } from "../../src/http.ts";
import { SendableFile } from "../../src/mod.ts";

export default http({
  request(request, response) {
    const file = SendableFile.open(decodeURIComponent(request.query));
    response.sendFile(file);
    file.close();
  },
});
