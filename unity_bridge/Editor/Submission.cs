#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using Newtonsoft.Json.Linq;

namespace SphereLinks.Editor
{
    /// <summary>From a picture to a job: what every way of asking for a model has in common.</summary>
    internal static class Submission
    {
        /// <summary>A job on disk that is being worked on. Throws <see cref="Failure"/>.</summary>
        public static Job Send(
            Picture picture, JObject options, Placement placement, string batch = "", IReadOnlyDictionary<string, byte[]>? sides = null)
        {
            var job = New(picture, options, placement, batch, sides);
            Session.Start(job);
            return job;
        }

        /// <summary>A job on disk that nobody works on yet. Throws <see cref="Failure"/>.</summary>
        public static Job New(
            Picture picture, JObject options, Placement placement, string batch = "", IReadOnlyDictionary<string, byte[]>? sides = null)
        {
            if (!Gltfast.IsInstalled)
                throw Gltfast.Missing();
            // the importer refuses the whole file, and the credit would be gone
            if (Json.Text(options, "textureFormat") == "webp")
                throw new Failure("invalid_option", Texts.Of("no_webp"), Texts.Of("hint_no_webp"));
            var connection = Session.Connect();
            var given = Json.Text(options, "name");
            var name = OptionForm.AsName(given.Length > 0 ? given : picture.Name);
            if (name.Length > 0 && Session.Info is { } info && info.Form(Json.Text(options, "generator")).Takes("name"))
                options = new JObject(options) { ["name"] = name };
            try
            {
                return Session.Jobs.New(
                    new Job
                    {
                        Server = connection.Address,
                        Name = name,
                        Options = options,
                        Placement = placement.ToJson(),
                        Batch = batch,
                    },
                    picture.Data,
                    sides);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new Failure("file_error", error.Message, inner: error);
            }
        }
    }
}
