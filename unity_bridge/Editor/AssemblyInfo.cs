using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("SphereLinks.Editor.Tests")]
